import { resolve } from 'node:path'
import type { z } from 'zod'
import { limits } from '../core/limits.ts'
import type { Check, Path } from './check.ts'
import { authKeys } from './kusto-section.ts'
import { isLoopback, parseKustoUrl } from './kusto-url.ts'
import { checkRoutes } from './route-conflicts.ts'
import type { ConfigFile } from './schema.ts'
import { checkServer } from './server-conflicts.ts'
import { checkSettlement } from './settlement-conflicts.ts'

/** Time to upload and enqueue a batch after it was sealed, within the time that a shipper waits for its reply. */
const deliveryTimeMs = 15_000
const maxIntervalWithoutJournalMs = limits.replyTimeoutMs - deliveryTimeMs

/**
 * Finds values that are fine alone and impossible together. Runs also when other mistakes were found, so that all are told
 * at once. Messages name keys and do not repeat what was written, since that can come from the environment.
 */
export function addConflicts(file: ConfigFile, context: z.core.$RefinementCtx<ConfigFile>): void {
  const wrong = context.issues
    .filter((issue) => issue.code !== 'unrecognized_keys')
    .map((issue) => issue.path ?? [])
  const check: Check = {
    when(paths, compare) {
      if (paths.every((path) => !wrong.some((other) => overlap(other, path)))) compare()
    },
    report(path, message) {
      context.addIssue({ code: 'custom', path: [...path], message })
    },
  }
  checkServer(file.server, check)
  checkKustoUrls(file, check)
  checkDefaultDestination(file, check)
  checkCheckpoint(file, check)
  checkAuth(file, check)
  checkRetry(file, check)
  checkDirectories(file, check)
  checkJournalSize(file, check)
  checkReplyTime(file, check)
  checkSettlement(file, check)
  checkRoutes(file, check)
}

/** True when one path leads to the other or they are equal. */
function overlap(a: readonly PropertyKey[], b: readonly PropertyKey[]): boolean {
  const [shorter, longer] = a.length < b.length ? [a, b] : [b, a]
  return shorter.every((part, index) => part === longer[index])
}

function checkKustoUrls({ kusto }: ConfigFile, { when, report }: Check): void {
  for (const key of ['cluster_url', 'ingestion_url'] as const) {
    const path = ['kusto', key]
    when([path, ['kusto', 'allow_plain_http']], () => {
      const url = parseKustoUrl(kusto[key] ?? '')
      if (url === undefined || url.protocol === 'https:' || isLoopback(url) || kusto.allow_plain_http) return
      report(
        path,
        'expected https: over plain http records and tokens can be read on the way; for a test set kusto.allow_plain_http: true',
      )
    })
  }
}

function checkDefaultDestination({ kusto }: ConfigFile, { when, report }: Check): void {
  when(
    [
      ['kusto', 'database'],
      ['kusto', 'table'],
    ],
    () => {
      if (kusto.database !== undefined && kusto.table === undefined) {
        report(
          ['kusto', 'table'],
          'expected the name of a table, since kusto.database is set; set both or neither',
        )
      }
      if (kusto.database === undefined && kusto.table !== undefined) {
        report(
          ['kusto', 'database'],
          'expected the name of a database, since kusto.table is set; set both or neither',
        )
      }
    },
  )
}

function checkCheckpoint({ kusto, write }: ConfigFile, { when, report }: Check): void {
  const database = ['write', 'checkpoint_database']
  const table = ['write', 'checkpoint_table']
  when([database, table, ['kusto', 'database']], () => {
    const { checkpoint_database: ownDatabase, checkpoint_table: ownTable } = write
    if (ownTable !== undefined && (ownDatabase ?? kusto.database) === undefined)
      report(
        database,
        'expected the name of a database, since write.checkpoint_table is set and kusto.database is not',
      )
    if (ownTable === undefined && ownDatabase !== undefined)
      report(table, 'expected the name of a table, since write.checkpoint_database is set')
  })
}

function checkAuth({ kusto }: ConfigFile, { when, report }: Check): void {
  const typePath = ['kusto', 'auth', 'type']
  for (const key of ['tenant_id', 'client_id', 'client_secret', 'token_file'] as const) {
    const path = ['kusto', 'auth', key]
    when([typePath, path], () => {
      const { type } = kusto.auth
      const isSet = kusto.auth[key] !== undefined
      const { needs, may } = authKeys[type]
      if (needs.includes(key) && !isSet)
        report(path, `is needed when kusto.auth.type is "${type}", found nothing`)
      if (!needs.includes(key) && !may.includes(key) && isSet) {
        report(path, `is not used when kusto.auth.type is "${type}"; remove it or choose another type`)
      }
    })
  }
}

function checkRetry({ retry }: ConfigFile, { when, report }: Check): void {
  const path = ['retry', 'max_interval_ms']
  when([path, ['retry', 'base_interval_ms']], () => {
    if (retry.max_interval_ms < retry.base_interval_ms) report(path, 'is under retry.base_interval_ms')
  })
}

function checkDirectories(file: ConfigFile, { when, report }: Check): void {
  const path = ['dead_letter', 'directory']
  when([path, ['journal', 'directory']], () => {
    if (resolve(file.dead_letter.directory) !== resolve(file.journal.directory)) return
    report(path, 'is also journal.directory; each needs a directory of its own')
  })
}

/** A request is taken as a whole or not at all, so the largest one needs room beside another that is still being delivered. */
function checkJournalSize({ journal, server }: ConfigFile, { when, report }: Check): void {
  const path = ['journal', 'max_disk_mb']
  when([path, ['journal', 'enabled'], ['server', 'max_body_mb']], () => {
    if (!journal.enabled || journal.max_disk_mb >= 2 * server.max_body_mb) return
    report(path, 'is under twice server.max_body_mb, so that a large body might wait for room for ever')
  })
}

/** Without a journal a reply waits for the whole batch, and a shipper does not wait for ever (`limits.replyTimeoutMs`). */
function checkReplyTime(file: ConfigFile, { when, report }: Check): void {
  const message =
    `is over ${maxIntervalWithoutJournalMs}: without a journal a reply waits for its batch, and the shipper would give up first; ` +
    'shorten it, set journal.enabled: true or delivery_guarantee: none'
  const isTooLong = (write: { delivery_guarantee: string; batch_interval_ms: number }) =>
    !file.journal.enabled &&
    write.delivery_guarantee === 'at_least_once' &&
    write.batch_interval_ms > maxIntervalWithoutJournalMs
  const common: Path[] = [
    ['journal', 'enabled'],
    ['write', 'batch_interval_ms'],
    ['write', 'delivery_guarantee'],
  ]
  when(common, () => {
    if (isTooLong(file.write)) report(['write', 'batch_interval_ms'], message)
  })
  if (!Array.isArray(file.routes)) return
  for (const [index, route] of file.routes.entries()) {
    const path = ['routes', index]
    when([...common, [...path, 'batch_interval_ms'], [...path, 'delivery_guarantee']], () => {
      const { batch_interval_ms: interval, delivery_guarantee: guarantee } = route
      // A route that only inherits has been told with `write`.
      if (interval === undefined && guarantee === undefined) return
      const effective = {
        batch_interval_ms: interval ?? file.write.batch_interval_ms,
        delivery_guarantee: guarantee ?? file.write.delivery_guarantee,
      }
      const key = interval === undefined ? 'delivery_guarantee' : 'batch_interval_ms'
      if (isTooLong(effective)) report([...path, key], message)
    })
  }
}
