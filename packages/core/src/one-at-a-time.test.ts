import { expect, test } from 'vitest';
import { oneAtATime } from './one-at-a-time.js';

test('work that is under way is not begun again, and work that failed is', async () => {
  let begun = 0;
  let end: (error?: Error) => void = () => {};
  const work = oneAtATime(() => {
    begun += 1;
    return new Promise((resolve, reject) => (end = (error) => (error ? reject(error) : resolve())));
  });
  const both = Promise.allSettled([work(), work()]);
  expect(begun).toBe(1);
  end(new Error('gone'));
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const again = work();
  expect(begun).toBe(2);
  end();
  await again;
});
