/**
 * Goal: no SAS, token, secret or record gets into a log line, an answer, a metric or the page that says how it is.
 * Method: recognisable secrets are planted everywhere, every operation is made to fail in every way, and all output is searched.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StandInKusto, type Operation, type Rudeness } from '../fakes/stand-in-kusto.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const sas = 'PLANTEDSAS'
const token = 'PLANTEDTOKEN'
const content = 'PLANTEDCONTENT'

describe('secrets and records', () => {
  it('are in no log line, answer, metric or status', async (t) => {
    const kusto = await StandInKusto.start(t)
    kusto.signature = sas
    kusto.identityToken = token
    kusto.errorText = `{"error":{"code":"x","@message":"you sent ?sv=1&sig=${sas} with bearer ${token}"}}`
    const yaml =
      'write: { batch_interval_ms: 20 }\nretry: { base_interval_ms: 10, max_interval_ms: 20, max_attempts: 2 }'
    const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory: await temporaryDirectory(t), yaml })
    const seen: string[] = []
    const record = JSON.stringify({ text: content })

    const operations: Operation[] = ['resources', 'token', 'upload', 'enqueue']
    const ways: Rudeness[] = [400, 401, 403, 404, 413, 429, 500, 'drop', 'lose-reply']
    for (const operation of operations) {
      for (const way of ways) {
        // A refused SAS makes it fetch resources again, so that those calls are made and fail too.
        const isFetch = operation === 'resources' || operation === 'token'
        kusto.rudeness = (asked) =>
          asked === operation ? way : isFetch && asked === 'upload' ? 403 : undefined
        const before = kusto.count(operation)
        seen.push((await post(sidecar.url, record)).text)
        await waitFor(`${operation} to fail with ${way}`, () => kusto.count(operation) > before)
        seen.push(await (await fetch(`${sidecar.url}/readyz`)).text())
      }
    }
    for (const body of [
      `${content} is not JSON`,
      `[{"a":${content}},{"b":1}]`,
      `{"${content}`,
      `"${content}"`,
    ]) {
      seen.push((await post(sidecar.url, body)).text)
      seen.push((await post(`${sidecar.url}/ingest/${sas}/${token}/${content}`, body)).text)
    }
    seen.push((await post(sidecar.url, content, { 'Content-Encoding': content })).text)
    seen.push((await post(sidecar.url, content, { 'Content-Encoding': 'gzip' })).text)
    kusto.rudeness = () => undefined
    seen.push(await (await fetch(`${sidecar.url}/metrics`)).text())
    await sidecar.drain()

    const output = [...seen, ...sidecar.logLines]
    assert.ok(sidecar.logLines.length > 50, `${sidecar.logLines.length} log lines were searched`)
    for (const text of output) {
      // The path and the encoding are the words of the sender; they are quoted, the body and the secrets are not.
      const searched = text.replaceAll(`/ingest/${sas}/${token}/${content}`, '')
      for (const secret of [sas, token]) assert.ok(!searched.includes(secret), searched)
      if (!searched.includes('HTTP_ENCODING_UNSUPPORTED')) assert.ok(!searched.includes(content), searched)
    }
  })
})
