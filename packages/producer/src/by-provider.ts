/** Each provider has a queue of its own. (Map.groupBy needs Node 21.) */
export function byProvider<T extends { readonly provider: string }>(items: Iterable<T>): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.provider);
    if (group) group.push(item);
    else groups.set(item.provider, [item]);
  }
  return groups;
}
