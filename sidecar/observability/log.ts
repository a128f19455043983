import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino'

/**
 * The log of the program: one line for each event that matters, as JSON. Every line has an `event` in the past tense
 * (`batch.sealed`) and a message for a person. Never logged: records, bodies, SAS, tokens, secrets, and foreign error objects
 * (an axios error carries the headers and the address of its request); only their redacted message is.
 */
export type Log = Logger

export type LogOptions = { readonly level: string; readonly format: 'json' | 'pretty' }

/** `destination` is for tests; by default lines go to standard output. */
export async function createLog(options: LogOptions, destination?: DestinationStream): Promise<Log> {
  const settings = {
    level: options.level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  if (destination !== undefined) return pino(settings, destination)
  if (options.format === 'json') return pino(settings)
  const { default: pretty } = await import('pino-pretty')
  return pino(
    settings,
    pretty({ ignore: 'pid,hostname,event', messageFormat: '{event}  {msg}', singleLine: true }),
  )
}

export function silentLog(): Log {
  return pino({ level: 'silent' })
}
