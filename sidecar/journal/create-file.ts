import type { File, FileSystem } from '../core/ports.ts'
import { systemCodeOf } from '../core/errors.ts'

/** Makes a file that holds these bytes, after `before`. When that fails, `onAbsent` is called unless a file of that name may be there. */
export async function createFile(
  fileSystem: FileSystem,
  path: string,
  bytes: Buffer,
  { before, onAbsent }: { readonly before: () => Promise<void>; readonly onAbsent: () => void },
): Promise<File> {
  let file: File
  try {
    await before()
    file = await fileSystem.open(path, 'create')
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') onAbsent()
    throw error
  }
  try {
    await file.write([bytes], 0)
  } catch (error) {
    await file.close()
    await fileSystem.remove(path)
    onAbsent()
    throw error
  }
  return file
}
