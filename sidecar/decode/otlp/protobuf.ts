import { readScope, writeProtobufRecord, writeResourceAttributes } from './protobuf-record.ts'
import type { OtlpReading } from './reading.ts'
import { OtlpError, WireCursor, wireTypes, wrapField } from './wire.ts'

/** Of ExportLogsServiceRequest, ResourceLogs and ScopeLogs, in logs_service.proto and logs.proto. */
const resourceLogsField = 1
const resourceField = 1
const scopeLogsField = 2
const scopeField = 1
const logRecordsField = 2

/** A message has one resource or scope. Several are merged, as protobuf wants it, but no million of them. */
const mergedMaxCount = 100

const cutOff = 'the body ends in the middle of it'

/** What a reader leaves unread of a message, as a message of that type; undefined when it has read to the end. */
type Rest = Buffer | undefined

/**
 * Reads an ExportLogsServiceRequest. What is damaged is rejected up to the end of the message that holds it. A message that is longer
 * than what holds it is read as far as it goes, so that the whole records of a body that was cut off are kept.
 *
 * False, with nothing rejected, when the body has no field of such a request, but others.
 */
export function readProtobuf(reading: OtlpReading): boolean {
  const { body } = reading
  const request = new WireCursor(body, 0, body.length)
  let hasResourceLogs = false
  const rest = eachMessage(reading, request, resourceLogsField, (resourceLogs) => {
    hasResourceLogs = true
    return readResourceLogs(reading, resourceLogs)
  })
  if (rest !== undefined) reading.rejectRest(rest)
  if (request.isCut) reading.noteCut(request.fieldStart, request.valueStart)
  return hasResourceLogs || reading.rejectedCount > 0 || body.length === 0
}

function readResourceLogs(reading: OtlpReading, message: WireCursor): Rest {
  reading.countContainer()
  const { offset: start, end, body } = message
  return orReject(reading, start, end, () => {
    const resource = fieldsOf(message, resourceField)
    const attributes = reading.textOf((writer) => writeResourceAttributes(writer, resource.messages))
    const rest = eachMessage(reading, new WireCursor(body, start, end), scopeLogsField, (scopeLogs) =>
      readScopeLogs(reading, scopeLogs, attributes),
    )
    return rest && Buffer.concat([...resource.raw, rest])
  })
}

function readScopeLogs(reading: OtlpReading, message: WireCursor, attributes: Buffer): Rest {
  reading.countContainer()
  const { offset: start, end, body } = message
  return orReject(reading, start, end, () => {
    const scope = fieldsOf(message, scopeField)
    const members = readScope(scope.messages)
    const records = new WireCursor(body, start, end)
    const rest = eachMessage(reading, records, logRecordsField, (record) => {
      // Cut between two of its fields, it would look whole.
      if (records.isCut) {
        reading.reject(records.fieldStart, end, cutOff)
        return undefined
      }
      const { valueStart, valueEnd } = records
      const isTaken = reading.take(valueStart, valueEnd, () =>
        writeProtobufRecord(reading.writer, record, attributes, members),
      )
      return isTaken ? undefined : body.subarray(valueStart, valueEnd)
    })
    return rest && Buffer.concat([...scope.raw, rest])
  })
}

/** Reads the messages in one field of a message. Stops when one of them leaves a rest, and gives all that is then unread. */
function eachMessage(
  reading: OtlpReading,
  parent: WireCursor,
  field: number,
  read: (message: WireCursor) => Rest,
): Rest {
  const { body, end } = parent
  try {
    while (parent.next(true)) {
      const { fieldStart, offset, isCut, wireType } = parent
      const isWanted = parent.field === field
      if (reading.isFull) return body.subarray(fieldStart, end)
      if (isWanted && wireType !== wireTypes.bytes) {
        reading.reject(fieldStart, offset, `field ${field} has the wrong type`)
      } else if (isWanted) {
        const rest = read(parent.message)
        if (rest !== undefined) return Buffer.concat([wrapField(field, [rest]), body.subarray(offset, end)])
      } else if (isCut) {
        reading.reject(fieldStart, end, cutOff)
      }
    }
  } catch (error) {
    if (!(error instanceof OtlpError)) throw error
    reading.reject(parent.fieldStart, end, error.message)
  }
  return undefined
}

/** Finds the messages in a field that comes before or after those that need it. What is damaged is left to who reads the rest. */
function fieldsOf(parent: WireCursor, field: number): { messages: WireCursor[]; raw: Buffer[] } {
  const [messages, raw]: [WireCursor[], Buffer[]] = [[], []]
  while (hasNext(parent)) {
    if (parent.field !== field || parent.isCut) continue
    if (messages.length === mergedMaxCount)
      throw new OtlpError(`it has more than ${mergedMaxCount} of field ${field}`)
    messages.push(parent.message)
    raw.push(parent.body.subarray(parent.fieldStart, parent.offset))
  }
  return { messages, raw }
}

function hasNext(parent: WireCursor): boolean {
  try {
    return parent.next(true)
  } catch (error) {
    if (error instanceof OtlpError) return false
    throw error
  }
}

/** Rejects the whole message when what all its records share cannot be read. */
function orReject(reading: OtlpReading, start: number, end: number, read: () => Rest): Rest {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof OtlpError)) throw error
    reading.reject(start, end, error.message)
    return undefined
  }
}
