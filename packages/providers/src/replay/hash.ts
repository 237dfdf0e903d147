/** A number in [0, 1) that depends on nothing but seed and n (integers): murmur3's 32-bit finaliser, twice. */
export function hashUnit(seed: number, n: number): number {
  const low = n >>> 0;
  const high = Math.floor(n / 2 ** 32) >>> 0;
  return mix(mix((seed ^ 0x9e3779b9) >>> 0, low), high) / 2 ** 32;
}

/** A 32-bit seed of a text, salted (FNV-1a). */
export function stringSeed(text: string, salt: number): number {
  let hash = (0x811c9dc5 ^ salt) >>> 0;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

function mix(hash: number, value: number): number {
  let k = (hash + Math.imul(value, 0x85ebca6b)) | 0;
  k = Math.imul(k ^ (k >>> 16), 0x85ebca6b);
  k = Math.imul(k ^ (k >>> 13), 0xc2b2ae35);
  return (k ^ (k >>> 16)) >>> 0;
}
