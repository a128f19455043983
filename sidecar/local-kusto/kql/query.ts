/**
 * Runs a query: Microsoft's parser reads and binds it, and this module pulls rows through its operators. What is not known is
 * refused before a row is read; there is no best effort.
 */
import type { Table } from '../engine/catalog.ts'
import { ticksFromUnixMs } from '../engine/ticks.ts'
import type { Result, Row } from '../engine/values.ts'
import { KustoError, syntaxError, unsupported } from '../kusto-error.ts'
import {
  elements,
  kindOf,
  parseQuery,
  part,
  resultColumns,
  simpleName,
  sourceText,
  type SyntaxNode,
  type TableSchema,
} from './language.ts'
import { applyOperator, project, type Flow } from './operators.ts'

/** The limit of the service for one result (`query_take_max_records` and "result truncation"). */
const maxResultRows = 500_000

/** A table that a query can name. */
export type Source = TableSchema & { readonly scan: () => Iterable<Row>; readonly rowCount: () => bigint }

export function sourceOf(
  table: Table,
  store: { scan(table: Table): Iterable<Row>; rowCount(table: Table): bigint },
): Source {
  return {
    name: table.name,
    columns: table.columns,
    scan: () => store.scan(table),
    rowCount: () => store.rowCount(table),
  }
}

/** Throws KustoError. */
export function runQuery(text: string, database: string, sources: readonly Source[]): Result {
  const tree = parseQuery(text, database, sources)
  const statements = elements(tree, 'Statements')
  const [statement] = statements
  if (statement === undefined) throw syntaxError('the query is empty')
  if (statements.length > 1 || kindOf(statement) !== 'ExpressionStatement') {
    throw unsupported("queries of several statements, such as 'let'")
  }
  const { columns, rows } = flowOf(part(statement, 'Expression'), sources, ticksFromUnixMs(Date.now()))
  const held: Row[] = []
  for (const row of rows) {
    if (held.length >= maxResultRows) {
      throw new KustoError(
        'E_QUERY_RESULT_SET_TOO_LARGE',
        `The result has more than ${maxResultRows} rows; use take or summarize.`,
      )
    }
    held.push(row)
  }
  return { columns, rows: held }
}

function flowOf(node: SyntaxNode, sources: readonly Source[], nowTicks: bigint): Flow {
  const kind = kindOf(node)
  if (kind === 'ParenthesizedExpression') return flowOf(part(node, 'Expression'), sources, nowTicks)
  if (kind === 'NameReference') {
    const { columns, scan } = sourceNamed(node, sources)
    return { columns, rows: scan() }
  }
  if (kind === 'PrintOperator') {
    return project(elements(node, 'Expressions'), resultColumns(node), { columns: [], rows: [[]] }, nowTicks)
  }
  if (kind !== 'PipeExpression') throw unsupported(`'${sourceText(node)}' as the start of a query`)
  const [before, operator] = [part(node, 'Expression'), part(node, 'Operator')]
  // `T | count` is what people ask most; the extents know it.
  if (kindOf(operator) === 'CountOperator' && kindOf(before) === 'NameReference') {
    const { rowCount } = sourceNamed(before, sources)
    return { ...applyOperator(operator, { columns: [], rows: [] }, nowTicks), rows: [[rowCount()]] }
  }
  return applyOperator(operator, flowOf(before, sources, nowTicks), nowTicks)
}

function sourceNamed(node: SyntaxNode, sources: readonly Source[]): Source {
  const name = simpleName(node)
  const source = sources.find((each) => each.name === name)
  if (source === undefined) throw unsupported(`'${name}' as a table`)
  return source
}
