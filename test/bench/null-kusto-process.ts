/** The null Kusto as its parent sees it. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ArrivedBlob } from './null-blobs.ts'
import type { NullKustoCounts, NullKustoNews, NullKustoOrder } from './null-kusto.ts'
import { messageOf, type Scope } from './scope.ts'

const script = fileURLToPath(new URL('null-kusto.ts', import.meta.url))

export class NullKusto {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.url = `http://127.0.0.1:${port}`
  }

  /** With `keep`, blobs are written into that directory; with `tell`, `arrivalOf` can be asked. */
  static async start(scope: Scope, options: { keep?: string; tell?: boolean } = {}): Promise<NullKusto> {
    const { keep, tell = false } = options
    const words = [...(keep === undefined ? [] : ['--keep', keep]), ...(tell ? ['--tell'] : [])]
    const child = scope.start(() => fork(script, words))
    const news = await messageOf<NullKustoNews>(child, 'the null Kusto')
    if (!('port' in news)) throw new Error('the null Kusto did not tell its port')
    return new NullKusto(child, news.port)
  }

  /** Not to be used with `tell`. */
  async counts(): Promise<NullKustoCounts> {
    return this.#order({})
  }

  /** Away, it answers 503 to everything. */
  async setAway(isAway: boolean): Promise<void> {
    await this.#order({ isAway })
  }

  /** The next blob whose name contains this. */
  arrivalOf(part: string): Promise<ArrivedBlob> {
    const { promise, resolve } = Promise.withResolvers<ArrivedBlob>()
    const listen = (news: NullKustoNews) => {
      if (!('arrived' in news) || !news.arrived.name.includes(part)) return
      this.#child.off('message', listen)
      resolve(news.arrived)
    }
    this.#child.on('message', listen)
    return promise
  }

  async #order(order: NullKustoOrder): Promise<NullKustoCounts> {
    this.#child.send(order)
    const news = await messageOf<NullKustoNews>(this.#child, 'the null Kusto')
    if (!('counts' in news)) throw new Error('the null Kusto did not tell its counts')
    return news.counts
  }
}
