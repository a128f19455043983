/** The table of the demo and what is asked of it. */

export const columns = 'timestamp:datetime, level:string, log:string, record:dynamic'

export const mapping = JSON.stringify([
  { column: 'timestamp', Properties: { Path: '$.timestamp' } },
  { column: 'level', Properties: { Path: '$.level' } },
  { column: 'log', Properties: { Path: '$.log' } },
  { column: 'record', Properties: { Path: '$' } },
])

export const queries = [
  'Logs | count',
  'Logs | where isnotnull(timestamp) and log has "upgrade" | take 3 | project timestamp, log',
  'Logs | where isnotempty(level) | project level, pod = record.kubernetes.pod_name, n = tostring(record.n)',
]

/** A line for a shell that asks the local Kusto. */
export function shellQuery(clusterUrl: string, csl: string): string {
  return `curl -s ${clusterUrl}/v1/rest/query -d '${JSON.stringify({ db: 'Demo', csl })}'`
}
