/** Account SAS of Azure Storage, signed with the emulator's key. */
import {
  AccountSASPermissions,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { AccountSASResourceTypes, AccountSASServices, SASProtocol } from '@azure/storage-blob'
import { storageAccount, type StorageService } from './azurite.ts'

const hourMs = 3_600_000

/** Longer than any client caches ingestion resources. */
const lifetimeMs = 24 * hourMs

/** The query, without `?`, that gives access to a service: read, write, delete, list, add, create, update, process. */
export function signSas(service: StorageService, state: 'valid' | 'expired'): string {
  const now = Date.now()
  return generateAccountSASQueryParameters(
    {
      startsOn: new Date(now - 2 * hourMs),
      expiresOn: new Date(state === 'valid' ? now + lifetimeMs : now - hourMs),
      permissions: AccountSASPermissions.parse('rwdlacup'),
      services: AccountSASServices.parse({ blob: 'b', queue: 'q', table: 't' }[service]).toString(),
      resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
      protocol: SASProtocol.HttpsAndHttp,
    },
    new StorageSharedKeyCredential(storageAccount.name, storageAccount.key),
  ).toString()
}
