/** Addresses of blobs: in containers, with and without the SAS that the container has at the moment. */
import type { UploadedBlob } from '../core/ports.ts'
import type { StorageResource } from './ingestion-resources.ts'
import { withoutSas } from './redact.ts'

/** Adds a blob name to the address of a container, before its SAS. */
export function inContainer(containerUrl: string, blobName: string): string {
  const base = withoutSas(containerUrl)
  return `${base.replace(/\/$/, '')}/${blobName}${containerUrl.slice(base.length)}`
}

/** The address of an uploaded blob with the SAS that its container has now; undefined when the container is not among these. */
export function withSas(containers: readonly StorageResource[], blob: UploadedBlob): string | undefined {
  const slash = blob.url.lastIndexOf('/')
  const container = containers.find(
    ({ url }) => withoutSas(url).replace(/\/$/, '') === blob.url.slice(0, slash),
  )
  return container === undefined ? undefined : inContainer(container.url, blob.url.slice(slash + 1))
}
