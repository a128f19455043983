import type { Check, Path } from './check.ts'
import type { RouteFile } from './route-section.ts'
import type { ConfigFile } from './schema.ts'

type Keys =
  'delivery_guarantee' | 'commit' | 'poll_for_ingestion_status' | 'poll_interval_ms' | 'poll_timeout_ms'
type Own = Pick<RouteFile, Keys>

/** What needs the journal and is asked for without it, and times of polling that contradict each other. */
export function checkSettlement(file: ConfigFile, check: Check): void {
  checkDedup(file, check)
  checkOwn(file, file.write, ['write'], check)
  if (!Array.isArray(file.routes)) return
  for (const [index, route] of file.routes.entries()) {
    check.when([['routes', index]], () => checkOwn(file, route, ['routes', index], check))
  }
}

function checkDedup({ journal }: ConfigFile, { when, report }: Check): void {
  const path = ['journal', 'dedup']
  when([path, ['journal', 'enabled']], () => {
    if (journal.enabled || journal.dedup === 'auto' || journal.dedup === 'off') return
    report(
      path,
      `is "${journal.dedup}", which needs journal.enabled: true, since requests are remembered in the journal; write off or auto here`,
    )
  })
}

/** `own` is `write`, or a route that says something of its own; what a route only inherits has been told with `write`. */
function checkOwn(file: ConfigFile, own: Own, path: Path, { when, report }: Check): void {
  const at = (key: Keys): Path => [...path, key]
  when([at('delivery_guarantee'), ['journal', 'enabled']], () => {
    if (file.journal.enabled || own.delivery_guarantee !== 'exactly_once') return
    report(
      at('delivery_guarantee'),
      'is "exactly_once", which needs journal.enabled: true: a batch must be on disk before its message is sent; without a disk use at_least_once',
    )
  })
  const guarantees = [
    at('delivery_guarantee'),
    at('commit'),
    ['write', 'delivery_guarantee'],
    ['write', 'commit'],
  ]
  when(guarantees, () => {
    if (own.delivery_guarantee === undefined && own.commit === undefined) return
    const guarantee = own.delivery_guarantee ?? file.write.delivery_guarantee
    if (guarantee === 'exactly_once' || (own.commit ?? file.write.commit) === 'in_place') return
    if (own.commit === undefined)
      report(
        at('delivery_guarantee'),
        `is "${guarantee}", while write.commit is "staging", which needs exactly_once; write commit: in_place here`,
      )
    else
      report(
        at('commit'),
        `is "staging", which needs delivery_guarantee: exactly_once and not ${guarantee}: without a tag for each batch nobody knows which rows to move`,
      )
  })
  when([at('poll_for_ingestion_status'), ['journal', 'enabled']], () => {
    if (file.journal.enabled || own.poll_for_ingestion_status !== true) return
    report(
      at('poll_for_ingestion_status'),
      'needs journal.enabled: true: without a journal the shipper would wait for its answer until Kusto has ingested, which takes minutes',
    )
  })
  const times = ['poll_interval_ms', 'poll_timeout_ms'] as const
  when([...times.map(at), ...times.map((key) => ['write', key])], () => {
    if (times.every((key) => own[key] === undefined)) return
    const [interval, timeout] = times.map((key) => own[key] ?? file.write[key]) as [number, number]
    if (timeout >= interval) return
    const key = own.poll_timeout_ms === undefined ? 'poll_interval_ms' : 'poll_timeout_ms'
    const wrong =
      key === 'poll_timeout_ms'
        ? 'is under poll_interval_ms'
        : 'is over poll_timeout_ms, which is that of write'
    report(at(key), `${wrong}, so that a batch would be given up before anybody asks for it`)
  })
}
