import { z } from 'zod'
import { parseListenAddress } from './listen-address.ts'
import { checkedText, optionDocs, text, wholeNumber } from './option-docs.ts'

const mebibytes = 'megabytes of 1048576 bytes'
const listenExpected = 'an address and a port, such as "0.0.0.0:8080" or "[::]:8080"'
const adminListenExpected = `"off", or ${listenExpected}`
const fileExpected = 'the path of a file'

/** The value of `server.admin_listen` without an admin listener. */
export const adminOff = 'off'

function listenAddress(expected: string, alsoFine?: string) {
  return checkedText((value) =>
    value === alsoFine || parseListenAddress(value) !== undefined
      ? undefined
      : `expected ${expected}, found other text`,
  )
}

/** A password or token that a header can carry. The message does not repeat it. */
function credentialText() {
  return text(4_096).superRefine((value, context) => {
    // oxlint-disable-next-line no-control-regex -- those are what is looked for
    if (/[\u0000-\u001F\u007F]/.test(value)) {
      context.addIssue({
        code: 'custom',
        message: 'expected text without control characters; a line break at its end often comes from a file',
      })
    }
  })
}

const authSection = z.strictObject({
  type: z
    .enum(['none', 'basic', 'bearer'])
    .default('none')
    .register(optionDocs, {
      text:
        'What a shipper must show before it may post: nothing, a name and password (`http_User` and `http_Passwd` of Fluent Bit), or a token. ' +
        'The paths `/`, `/healthz`, `/readyz` and `/metrics` never need a credential, since probes have none.',
      example: 'bearer',
    }),
  username: checkedText((value) =>
    value === '' || value.length > 256 || value.includes(':')
      ? 'expected a name of 1 to 256 characters without ":", found other text'
      : undefined,
  )
    .optional()
    .register(optionDocs, {
      text: 'The name of a user, for `basic` only; `password` belongs to it.',
      expected: 'a name of 1 to 256 characters without ":"',
      example: 'fluent-bit',
    }),
  password: credentialText().optional().register(optionDocs, {
    text: 'The password of `username`. Keep it out of the file: take it from an environment variable.',
    secret: true,
    example: '${SIDECAR_PASSWORD}',
  }),
  users_file: text(4_096)
    .optional()
    .register(optionDocs, {
      text:
        'A file with a line `name:password` for each user, for `basic` only; passwords are written as they are, not hashed. ' +
        'It is read again within seconds after it changes; while it cannot be read, the users of before stay.',
      expected: fileExpected,
      example: '/etc/kusto-sidecar/users',
    }),
  token: credentialText().optional().register(optionDocs, {
    text: 'A token that is accepted, for `bearer` only. Keep it out of the file: take it from an environment variable.',
    secret: true,
    example: '${SIDECAR_TOKEN}',
  }),
  token_files: z
    .array(text(4_096))
    .max(100)
    .default([])
    .register(optionDocs, {
      text:
        'Files in which each line is a token that is accepted, for `bearer` only. They are read again within seconds after they change; ' +
        'while one cannot be read, its tokens of before stay. To rotate without a gap, accept the old and the new token for a while.',
      expected: 'a list of at most 100 paths of files',
      example: ['/run/secrets/token-a', '/run/secrets/token-b'],
    }),
  on_refused: z
    .enum({ held: 503, refused: 401 })
    .default(503)
    .register(optionDocs, {
      text:
        'What a missing or wrong credential is answered. On 401 Fluent Bit and Vector throw away for ever what they sent; on 503 they keep it and send it again, ' +
        'so that a wrong password loses nothing.',
      expected: '503 or 401',
      example: 401,
    }),
})

const tlsSection = z.strictObject({
  cert_file: text(4_096)
    .optional()
    .register(optionDocs, {
      text:
        'The certificate of the sidecar and those between it and its CA, as PEM. With it and `key_file` shippers connect with TLS 1.2 or newer. ' +
        'All files of `tls` are read again within seconds after one changes; while they are unusable, those of before stay.',
      expected: fileExpected,
      whenAbsent: 'plain HTTP',
      example: '/etc/kusto-sidecar/tls/tls.crt',
    }),
  key_file: text(4_096).optional().register(optionDocs, {
    text: 'The private key of the certificate, as PEM without a passphrase.',
    expected: fileExpected,
    example: '/etc/kusto-sidecar/tls/tls.key',
  }),
  client_ca_file: text(4_096).optional().register(optionDocs, {
    text: 'The CAs whose clients may connect, as PEM. With it a shipper must show a certificate of one of them (mutual TLS), and so must a probe.',
    expected: fileExpected,
    whenAbsent: 'clients show no certificate',
    example: '/etc/kusto-sidecar/tls/client-ca.crt',
  }),
})

export const serverSection = z.strictObject({
  listen: listenAddress(listenExpected).default('0.0.0.0:8080').register(optionDocs, {
    text: 'Where the sidecar listens for shippers. Use `127.0.0.1` when they run in the same pod or on the same machine; port 0 takes a free one.',
    expected: listenExpected,
    example: '127.0.0.1:8080',
  }),
  admin_listen: listenAddress(adminListenExpected, adminOff)
    .default('127.0.0.1:8081')
    .register(optionDocs, {
      text:
        'Where operators reach the sidecar, in plain HTTP and without a credential, so leave it on this machine: `POST /-/flush`, `POST /-/dead-letter/replay`, ' +
        'and the pages of health and metrics. `off` switches it off; port 0 takes a free one.',
      expected: adminListenExpected,
      example: 'off',
    }),
  auth: authSection.prefault({}).register(optionDocs, { text: 'Who may post.' }),
  tls: tlsSection.prefault({}).register(optionDocs, {
    text: 'TLS for shippers; set `cert_file` and `key_file`, or neither.',
  }),
  max_body_mb: wholeNumber(1, 1_024).default(32).register(optionDocs, {
    text: 'The largest body that is accepted, before and after decompression. A larger one is answered 413, and shippers drop what they sent, so stay above what they send at most.',
    unit: mebibytes,
    example: 64,
  }),
  max_in_flight_mb: wholeNumber(1, 65_536).default(256).register(optionDocs, {
    text: 'How much memory the bodies of all requests in work may take together. Above it shippers are asked to come back later; set it by the memory limit of the container.',
    unit: mebibytes,
    example: 128,
  }),
  max_in_flight_requests: wholeNumber(1, 100_000).default(2_000).register(optionDocs, {
    text: 'How many requests may be in work at once. Above it shippers are asked to come back later.',
    unit: 'requests',
    example: 500,
  }),
  join_identical_requests: z
    .boolean()
    .default(true)
    .register(optionDocs, {
      text:
        'Take a request for a retry, and store it once, if it equals one still in work: shippers send the same bytes again when an answer is late. ' +
        'From Fluent Bit and Vector only if the connection of the first was closed, as they do; equal requests of theirs that are all waited for are stored each. ' +
        'With `journal.dedup` that decides instead.',
      example: false,
    }),
  shutdown_grace_ms: wholeNumber(0, 3_600_000).default(20_000).register(optionDocs, {
    text: 'How long to go on delivering after the signal to stop; what is left stays in the journal. Stay below the grace period of the platform (30 seconds in Kubernetes).',
    unit: 'milliseconds',
    example: 50_000,
  }),
})

export type ServerSection = z.output<typeof serverSection>
