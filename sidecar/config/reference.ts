import { writeFileSync } from 'node:fs'
import { isItem, type Option, optionAt, options } from './options.ts'
import { optionName } from './option-name.ts'

/** A whole file, shown at the top of the reference. */
export const exampleFile = `
kusto:
  cluster_url: https://mycluster.westeurope.kusto.windows.net
  database: Logs
  table: Raw
  auth:
    type: client_secret
    tenant_id: 11111111-2222-3333-4444-555555555555
    client_id: 66666666-7777-8888-9999-000000000000
    client_secret: \${KUSTO_CLIENT_SECRET}
write:
  batch_size: 100000
routes:
  - match: { path: nginx }
    database: Logs
    table: Nginx
    ingestion_mapping_ref: nginx_json
`

const introduction = `# Configuration reference

This file is made from the schema by \`node sidecar/config/reference.ts\`; a test fails when it is out of date.

The configuration is one YAML file. Only \`kusto.cluster_url\` is required. A key that is not listed here is a mistake, and
all mistakes of a file are told at once, each with its line and column.

In values, \`\${NAME}\` is replaced by the environment variable NAME and \`\${NAME:-default}\` by the default when the
variable is not set or empty; \`$\${\` gives the characters \`\${\`. An unquoted value made of variables gets the type that
its key needs, and a key whose unquoted value is empty afterwards counts as absent. Between \`{ }\` and \`[ ]\` put
\`\${NAME}\` in quotes, since braces have a meaning there.

1 MB is 1048576 bytes, except in \`client_batch_size_limit_mb\`, where it is 1000000 bytes.

## Example

\`\`\`yaml
${exampleFile.trim()}
\`\`\`
`

/** The text of REFERENCE.md: every key with its type, default, unit, description and an example. */
export function referenceText(): string {
  const parts = options.filter((option) => option.path.length > 0 && !isItem(option)).map(describe)
  return `${[introduction.trimEnd(), ...parts].join('\n\n')}\n`
}

function describe(option: Option): string {
  const name = optionName(option.path)
  const isTopSection = option.path.length === 1 && option.kind !== 'choice'
  const heading = `${isTopSection ? '##' : '###'} \`${name}\``
  const common = commonOption(option)
  const text =
    option.docs?.text ??
    (common === undefined ? '' : `Overrides \`${optionName(common.path)}\` for this route.`)
  if (option.kind === 'section') return `${heading}\n\n${text}`
  const facts = [`- Type: ${typeText(common ?? option)}`, `- Default: ${defaultText(option, common)}`]
  const unit = (common ?? option).docs?.unit
  if (unit !== undefined) facts.push(`- Unit: ${unit}`)
  const example = (common ?? option).docs?.example
  if (example !== undefined) facts.push(`- Example: \`${String(option.path.at(-1))}: ${yamlValue(example)}\``)
  return `${heading}\n\n${text}\n\n${facts.join('\n')}`
}

/** The key of `write` or `records` that a key of a route overrides. */
function commonOption(option: Option): Option | undefined {
  if (option.docs !== undefined) return undefined
  const key = option.path.slice(2)
  return optionAt(['write', ...key]) ?? optionAt(['records', ...key])
}

function typeText(option: Option): string {
  const unit = option.docs?.unit
  const text = unit === undefined ? option.expected : option.expected.replace(` (${unit})`, '')
  return option.docs?.secret === true ? `${text}; secret` : text
}

function defaultText(option: Option, common: Option | undefined): string {
  if (option.isRequired) return 'none, it is required'
  if (common !== undefined) return `the value of \`${optionName(common.path)}\``
  if (option.default !== undefined) return `\`${yamlValue(option.default)}\``
  return option.docs?.whenAbsent ?? 'not set'
}

/** JSON, which is YAML too; words stay without quotes where YAML needs none. */
function yamlValue(value: unknown): string {
  if (typeof value === 'string' && /^(?:[A-Za-z./]|\$\{)[\w./:${}-]*$/.test(value)) return value
  return JSON.stringify(value)
}

if (import.meta.main) writeFileSync(new URL('REFERENCE.md', import.meta.url), referenceText())
