import { lastSecond, utcText } from '../utc-time.ts'
import { kinds, type MsgpackCursor } from './cursor.ts'
import { MisfitError } from './transcode.ts'

/** What the time of an event says: when it was, or that the event begins or ends a group. */
export type EventTime = { readonly at: string } | 'group-start' | 'group-end'

const nanosPerTick = 100
const ticksPerSecond = 10_000_000

/** EventTime counts the seconds without a sign: these two stand for -1 and -2, and must have no nanoseconds. */
const groupStartSeconds = 0xff_ff_ff_ff
const groupEndSeconds = 0xff_ff_ff_fe

/**
 * Reads the value that the cursor has just read as the time of an event: EventTime (extension 0 of 8 bytes: seconds and nanoseconds),
 * an integer or a float of seconds. -1 and -2 mark groups (Fluent Bit, flb_log_event.h and flb_log_event_decoder.c); other negative
 * times are refused there too.
 */
export function eventTimeOf(cursor: MsgpackCursor): EventTime {
  const { kind, start, end, body } = cursor
  if (kind === kinds.extension) {
    if (cursor.extensionType !== 0 || end - start !== 8) throw new MisfitError('its time is not an EventTime')
    return fromEventTime(body.readUInt32BE(start), body.readUInt32BE(start + 4))
  }
  if (kind !== kinds.unsigned && kind !== kinds.signed && kind !== kinds.float)
    throw new MisfitError('its time is neither a number nor an EventTime')
  return fromSeconds(cursor.toNumber())
}

function fromEventTime(seconds: number, nanos: number): EventTime {
  if (seconds === groupStartSeconds || seconds === groupEndSeconds) {
    if (nanos !== 0) throw new MisfitError('its time is that of a group marker, but with nanoseconds')
    return seconds === groupStartSeconds ? 'group-start' : 'group-end'
  }
  if (nanos >= ticksPerSecond * nanosPerTick)
    throw new MisfitError('its time has more than a second of nanoseconds')
  return { at: utcText(seconds, Math.floor(nanos / nanosPerTick)) }
}

function fromSeconds(time: number): EventTime {
  if (time === -1) return 'group-start'
  if (time === -2) return 'group-end'
  const seconds = Math.floor(time)
  if (!(seconds >= 0 && seconds <= lastSecond)) throw new MisfitError('its time is out of range')
  const ticks = Math.round((time - seconds) * ticksPerSecond)
  if (ticks < ticksPerSecond) return { at: utcText(seconds, ticks) }
  if (seconds === lastSecond) return { at: utcText(seconds, ticksPerSecond - 1) }
  return { at: utcText(seconds + 1, 0) }
}
