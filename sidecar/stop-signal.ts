/** Signals that end the process in order. */
export interface StopSignal {
  /** Resolves at the first signal, also one that came during the start. A second one ends the process at once, which loses nothing that was acknowledged. */
  readonly stopped: Promise<void>
  /** Leaves the signals to Node from now on, for commands that just end. Ends the process if one came already. */
  ignore(): void
}

const signals = ['SIGTERM', 'SIGINT'] as const

export function listenForStop(): StopSignal {
  const { promise, resolve } = Promise.withResolvers<void>()
  let first: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    if (first !== undefined) process.exit(1)
    first = signal
    resolve()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return {
    stopped: promise,
    ignore() {
      for (const signal of signals) process.off(signal, onSignal)
      if (first !== undefined) process.kill(process.pid, first)
    },
  }
}
