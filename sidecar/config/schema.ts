import { z } from 'zod'
import { addConflicts } from './conflicts.ts'
import { kustoSection } from './kusto-section.ts'
import { optionDocs } from './option-docs.ts'
import { recordsSection } from './records-section.ts'
import { pathDestinationsSection, routeSection } from './route-section.ts'
import { deadLetterSection, journalSection, logSection, retrySection } from './sections.ts'
import { serverSection } from './server-section.ts'
import { writeSection } from './write-section.ts'

const fileShape = z.strictObject({
  server: serverSection.prefault({}).register(optionDocs, { text: 'The side of the shippers.' }),
  kusto: kustoSection.register(optionDocs, { text: 'The side of Kusto.' }),
  write: writeSection.prefault({}).register(optionDocs, {
    text: 'How records become batches. The names and defaults are those of the Flink sink for Kusto; a route can have its own value for each.',
  }),
  retry: retrySection
    .prefault({})
    .register(optionDocs, { text: 'What happens when Kusto cannot be reached.' }),
  journal: journalSection.prefault({}).register(optionDocs, { text: 'The batches on disk.' }),
  dead_letter: deadLetterSection.prefault({}).register(optionDocs, { text: 'What can never be delivered.' }),
  records: recordsSection.prefault({}).register(optionDocs, {
    text: 'How records are read, and what is done to them before they are batched. A route can have its own value for each key but `tag_header`.',
  }),
  routes: z.array(routeSection).max(1_000).default([]).register(optionDocs, {
    text: 'Which records go where. The first route that fits takes a record; what none takes goes by its path to `/ingest/{database}/{table}` or, for `/`, to `kusto.database`. Each may have any key of `write` and `records` besides.',
    expected: 'a list of at most 1000 routes',
  }),
  path_destinations: pathDestinationsSection.prefault({}).register(optionDocs, {
    text: 'Which destinations a shipper may name in the path `/ingest/{database}/{table}`. The databases that the credential can write to are the outer limit.',
  }),
  unrouted: z.enum(['dead_letter', 'reject']).default('dead_letter').register(optionDocs, {
    text: 'What happens to records that have no destination, or one with a name that is invalid or not allowed. `dead_letter` keeps them and answers 200; `reject` answers 404 or 400, and shippers then drop what they sent.',
    example: 'reject',
  }),
  log: logSection.prefault({}).register(optionDocs, { text: 'What the sidecar writes about itself.' }),
})

/** A valid configuration file as it is written: snake_case, with the units of the keys, defaults filled in. */
export type ConfigFile = z.output<typeof fileShape>

/** Types, ranges, defaults, docs and impossible combinations of every option. */
export const configSchema = fileShape.superRefine(addConflicts, { when: () => true })
