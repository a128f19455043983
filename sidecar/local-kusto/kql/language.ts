/**
 * Microsoft's own parser and binder of KQL (`@kusto/language-service-next`), which gives syntax trees, the types of expressions and the
 * names of result columns. The package is a script for browsers, compiled from C# by Bridge.NET; it runs in a context of its own,
 * so that its globals do not become ours. Loading takes 0.2 s and the first query 0.7 s, so it is loaded with the first query.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createContext, runInContext, Script } from 'node:vm'
import { columnTypeOf, type Column } from '../engine/values.ts'
import { semanticError, syntaxError, unsupported } from '../kusto-error.ts'

/** A node of the syntax tree. Its parts are fields named as in the C# classes of `Kusto.Language.Syntax`. */
export type SyntaxNode = {
  readonly Kind: number
  readonly TextStart: number
  readonly ResultType: { readonly Name: string; readonly Columns?: BridgeList<ColumnSymbol> } | null
  ToString(trivia: number): string
}

type ColumnSymbol = { readonly Name: string; readonly Type: { readonly Name: string } }
type BridgeList<Item> = { readonly Count: number; getItem(index: number): Item }
type SeparatedElement = { readonly Element$1: SyntaxNode }
type Diagnostic = {
  readonly Code: string
  readonly Severity: string
  readonly Message: string
  readonly Start: number
}
type Constructor = new (...values: unknown[]) => object

type Language = {
  GlobalState: { Default: { WithDatabase(database: object): object } }
  KustoCode: {
    ParseAndAnalyze(
      text: string,
      globals: object,
    ): {
      readonly Syntax: SyntaxNode
      GetDiagnostics(): BridgeList<Diagnostic>
      GetSyntaxDiagnostics(): BridgeList<Diagnostic>
    }
  }
  Symbols: { TableSymbol: { $ctor7: Constructor }; DatabaseSymbol: { $ctor1: Constructor } }
  Syntax: { SyntaxKind: object }
}

type Loaded = {
  language: Language
  kindName: (kind: number) => string
  arrayOf: (items: readonly object[]) => unknown
}

let loaded: Loaded | undefined

function load(): Loaded {
  if (loaded !== undefined) return loaded
  const folder = dirname(createRequire(import.meta.url).resolve('@kusto/language-service-next'))
  const context = createContext({ console })
  for (const file of ['bridge.min.js', 'Kusto.Language.Bridge.min.js']) {
    new Script(readFileSync(join(folder, file), 'utf8'), { filename: file }).runInContext(context)
  }
  const globals = context as {
    Kusto: { Language: Language }
    System: { Enum: { toString(type: object, value: number): string } }
  }
  const { Language } = globals.Kusto
  const contextArray = runInContext('Array', context) as ArrayConstructor
  loaded = {
    language: Language,
    kindName: (kind) => globals.System.Enum.toString(Language.Syntax.SyntaxKind, kind),
    arrayOf: (items) => contextArray.of(...items),
  }
  return loaded
}

export type TableSchema = { readonly name: string; readonly columns: readonly Column[] }

/** Parses and binds a query to these tables; throws the first error that the binder finds. */
export function parseQuery(text: string, database: string, tables: readonly TableSchema[]): SyntaxNode {
  const { language, arrayOf } = load()
  const { TableSymbol, DatabaseSymbol } = language.Symbols
  const symbols = tables.map(({ name, columns }) => new TableSymbol.$ctor7(name, schemaText(columns), null))
  const globals = language.GlobalState.Default.WithDatabase(
    new DatabaseSymbol.$ctor1(database, arrayOf(symbols)),
  )
  const code = language.KustoCode.ParseAndAnalyze(text, globals)
  const [mistake] = errorsIn(code.GetSyntaxDiagnostics())
  if (mistake !== undefined) throw syntaxError(mistake)
  const [misfit] = errorsIn(code.GetDiagnostics())
  if (misfit !== undefined) throw semanticError(misfit)
  return code.Syntax
}

function errorsIn(diagnostics: BridgeList<Diagnostic>): string[] {
  return itemsOf(diagnostics)
    .filter(({ Severity }) => Severity === 'Error')
    .map(({ Code, Message, Start }) => `${Code}: ${Message} (at ${Start})`)
}

function schemaText(columns: readonly Column[]): string {
  return `(${columns.map(({ name, type }) => `['${name.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}']:${type}`).join(', ')})`
}

/** The text of a node, with the spaces inside of it. */
export function sourceText(node: SyntaxNode): string {
  // IncludeTrivia.Interior
  return node.ToString(1).trim()
}

/** The kind of a node, such as `FilterOperator` or `EqualExpression`. */
export function kindOf(node: SyntaxNode): string {
  return load().kindName(node.Kind)
}

/** A part of a node; throws when it has none of that name. */
export function part(node: SyntaxNode, name: string): SyntaxNode {
  const found = optionalPart(node, name)
  if (found === undefined) throw unsupported(`'${sourceText(node)}'`)
  return found
}

export function optionalPart(node: SyntaxNode, name: string): SyntaxNode | undefined {
  return ((node as unknown as Record<string, unknown>)[name] as SyntaxNode | null | undefined) ?? undefined
}

/** The elements of a list that is a part of the node. */
export function elements(node: SyntaxNode, name: string): SyntaxNode[] {
  const list = (node as unknown as Record<string, unknown>)[name] as
    BridgeList<SeparatedElement> | null | undefined
  return list === null || list === undefined ? [] : itemsOf(list).map((item) => item.Element$1)
}

/** Refuses operator parameters such as `hint.strategy=...`: none is known here. */
export function refuseParameters(node: SyntaxNode): void {
  const list = (node as unknown as Record<string, unknown>)['Parameters'] as
    BridgeList<SyntaxNode> | null | undefined
  if (list !== null && list !== undefined && list.Count > 0)
    throw unsupported(`the parameter '${sourceText(list.getItem(0))}'`)
}

/** The name that a name reference, a declaration or a function name has. */
export function simpleName(node: SyntaxNode): string {
  return (node as unknown as { SimpleName?: string | null }).SimpleName ?? sourceText(node)
}

/** The columns that the binder found for a query operator. */
export function resultColumns(node: SyntaxNode): Column[] {
  const columns = node.ResultType?.Columns
  if (columns === undefined) throw unsupported(`'${sourceText(node)}' here`)
  return itemsOf(columns).map(({ Name, Type }) => ({ name: Name, type: scalarType(Type.Name, node) }))
}

/** The type that the binder found for a scalar expression. */
export function typeOf(node: SyntaxNode): Column['type'] {
  return scalarType(node.ResultType?.Name ?? '', node)
}

function scalarType(name: string, node: SyntaxNode): Column['type'] {
  const type = columnTypeOf(name)
  if (type === undefined) throw unsupported(`the type of '${sourceText(node)}'`)
  return type
}

function itemsOf<Item>(list: BridgeList<Item>): Item[] {
  return Array.from({ length: list.Count }, (_, index) => list.getItem(index))
}
