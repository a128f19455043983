import type { Clock } from '../core/ports.ts'

/** The real clock. Its timers are unreferenced: what keeps the process alive is its listening sockets. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
