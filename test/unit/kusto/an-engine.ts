/** An engine on 127.0.0.1 that answers each command by a function, and the client for it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { Agent } from 'undici'
import { EngineClient } from '../../../sidecar/kusto/engine.ts'
import { systemRandom } from '../../../sidecar/platform/random.ts'

/** Rows of the answer, a refusal with this code, or an HTTP status. */
export type Answer = readonly Readonly<Record<string, unknown>>[] | { readonly refusal: string } | number

export async function anEngine(t: TestContext, answer: (command: string) => Answer) {
  const commands: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => (body += piece.toString()))
    request.on('end', () => {
      const { csl } = JSON.parse(body) as { csl: string }
      commands.push(csl)
      const [status, text] = answerText(answer(csl))
      response.writeHead(status).end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dispatcher = new Agent()
  t.after(async () => {
    await dispatcher.destroy()
    server.closeAllConnections()
    server.close()
  })
  const clusterUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tokens = { token: async () => undefined, forget: () => undefined }
  return { commands, engine: new EngineClient({ clusterUrl, dispatcher, tokens, random: systemRandom }) }
}

function answerText(answer: Answer): [number, string] {
  if (typeof answer === 'number') return [answer, '{"error":{"@message":"busy","@permanent":false}}']
  if ('refusal' in answer)
    return [400, JSON.stringify({ error: { code: answer.refusal, '@message': answer.refusal } })]
  const names = Object.keys(answer[0] ?? { Empty: '' })
  const columns = names.map((ColumnName) => ({ ColumnName }))
  return [
    200,
    JSON.stringify({
      Tables: [{ Columns: columns, Rows: answer.map((row) => names.map((name) => row[name])) }],
    }),
  ]
}
