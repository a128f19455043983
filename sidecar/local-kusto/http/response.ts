/** The bodies of `/v1/rest/*` and `/v2/rest/query`. */
import { responseValue } from '../engine/text.ts'
import { dotnetTypes, type Column, type Result } from '../engine/values.ts'

/** Version 1: one table. */
export function v1Body(result: Result): string {
  const columns = result.columns.map(({ name, type }) => ({
    ColumnName: name,
    DataType: dotnetTypes[type].replace('System.', ''),
    ColumnType: type,
  }))
  return JSON.stringify({ Tables: [{ TableName: 'Table_0', Columns: columns, Rows: rowsOf(result) }] })
}

/** Version 2: the frames of a data set that came in one piece. */
export function v2Body(result: Result): string {
  return JSON.stringify([
    { FrameType: 'DataSetHeader', IsProgressive: false, Version: 'v2.0' },
    {
      FrameType: 'DataTable',
      TableId: 0,
      TableKind: 'QueryProperties',
      TableName: '@ExtendedProperties',
      Columns: v2Columns([
        { name: 'TableId', type: 'int' },
        { name: 'Key', type: 'string' },
        { name: 'Value', type: 'dynamic' },
      ]),
      Rows: [],
    },
    {
      FrameType: 'DataTable',
      TableId: 1,
      TableKind: 'PrimaryResult',
      TableName: 'PrimaryResult',
      Columns: v2Columns(result.columns),
      Rows: rowsOf(result),
    },
    {
      FrameType: 'DataTable',
      TableId: 2,
      TableKind: 'QueryCompletionInformation',
      TableName: 'QueryCompletionInformation',
      Columns: v2Columns([
        { name: 'Timestamp', type: 'datetime' },
        { name: 'Level', type: 'int' },
        { name: 'LevelName', type: 'string' },
        { name: 'StatusCode', type: 'int' },
        { name: 'Payload', type: 'string' },
      ]),
      Rows: [],
    },
    { FrameType: 'DataSetCompletion', HasErrors: false, Cancelled: false },
  ])
}

function v2Columns(columns: readonly Column[]): unknown[] {
  return columns.map(({ name, type }) => ({ ColumnName: name, ColumnType: type }))
}

function rowsOf({ columns, rows }: Result): unknown[][] {
  return rows.map((row) => columns.map(({ type }, index) => responseValue(row[index] ?? null, type)))
}
