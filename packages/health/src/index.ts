export type { Check, Finding } from './check.js';
export { type Health, type Probe, type ProbeAnswer, PROBES, createHealth } from './create-health.js';
export { type EventLoopBounds, watchEventLoop } from './watch-event-loop.js';
export { type StoreWatch, type WatchedStore, watchStore } from './watch-store.js';
export { type ProbeServer, serveProbes } from './serve-probes.js';
