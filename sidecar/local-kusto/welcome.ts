/** The text at `/`, and what `main.ts` prints. */
import type { Catalog } from './engine/catalog.ts'

export function welcomeText(clusterUrl: string, catalog: Catalog): string {
  const databases = catalog.databases().map((name) => {
    const tables = catalog.tables(name).map((table) => table.name)
    return `  ${name}: ${tables.length === 0 ? '(no table)' : tables.join(', ')}`
  })
  return [
    'This is the local Kusto of kusto-sidecar: for development and tests, never for production.',
    '',
    'Databases and tables:',
    ...databases,
    '',
    'Try:',
    `  ${curlExample(clusterUrl, '/v1/rest/mgmt', '.create table Demo (timestamp:datetime, message:string)')}`,
    `  ${curlExample(clusterUrl, '/v1/rest/query', 'Demo | count')}`,
    '',
  ].join('\n')
}

function curlExample(clusterUrl: string, path: string, csl: string): string {
  return `curl -s ${clusterUrl}${path} -d '${JSON.stringify({ csl })}'`
}
