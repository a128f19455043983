import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { ServerTls } from '../core/server-auth.ts'
import { FileWatch, type FileWatchTools } from './file-watch.ts'

/** What Node wants to know for a listener with TLS. */
export type TlsSettings = {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca?: Buffer
  readonly requestCert: boolean
  readonly rejectUnauthorized: boolean
  readonly minVersion: 'TLSv1.2'
}

/** Room for a bundle of some hundred CAs. */
const maxFileBytes = 1_048_576

/** Certificates and key of the listener, replaced when their files change. */
export class TlsFiles {
  /** Called with each later version. */
  onChange: (settings: TlsSettings) => void = () => undefined
  #settings: TlsSettings
  #watch: FileWatch | undefined

  private constructor(settings: TlsSettings) {
    this.#settings = settings
  }

  /** Rejects with PROCESS_START_FAILED when the files cannot be used. */
  static async start(tls: ServerTls, tools: FileWatchTools): Promise<TlsFiles> {
    const files = [
      { key: 'server.tls.cert_file', path: tls.certFile },
      { key: 'server.tls.key_file', path: tls.keyFile },
      ...(tls.clientCaFile === undefined
        ? []
        : [{ key: 'server.tls.client_ca_file', path: tls.clientCaFile }]),
    ]
    let started: TlsFiles | undefined
    const apply = (contents: readonly Buffer[]) => {
      const settings = settingsOf(contents)
      if (started === undefined) started = new TlsFiles(settings)
      else started.#change(settings)
    }
    const watch = await FileWatch.start({ files, maxBytes: maxFileBytes, apply, ...tools })
    if (started === undefined) throw new Error('the files were not applied')
    started.#watch = watch
    return started
  }

  get settings(): TlsSettings {
    return this.#settings
  }

  stop(): void {
    this.#watch?.stop()
  }

  #change(settings: TlsSettings): void {
    this.onChange(settings)
    this.#settings = settings
  }
}

/** Throws an Error when the files do not fit each other, so that they are never tried on the listener. */
function settingsOf([cert, key, ca]: readonly Buffer[]): TlsSettings {
  const isMutual = ca !== undefined
  if (cert === undefined || key === undefined) throw new Error('a file is missing')
  const settings: TlsSettings = {
    cert,
    key,
    ...(isMutual ? { ca } : {}),
    requestCert: isMutual,
    rejectUnauthorized: isMutual,
    minVersion: 'TLSv1.2',
  }
  createSecureContext(settings)
  // Node takes an empty file for none given, and then trusts every CA of the web.
  if (isMutual) checkCertificates(ca)
  return settings
}

function checkCertificates(pem: Buffer): void {
  const found = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  const certificates = found?.map((one) => new X509Certificate(one)) ?? []
  if (certificates.length === 0) throw new Error('the file of the client CAs holds no certificate')
}
