import { fileURLToPath } from 'node:url'

/** The only place that knows where the root of the checkout is. */
const ROOT = new URL('../../', import.meta.url)

/** @param path from the root of the checkout; that of a folder ends with a slash */
export function checkoutUrl (path: string): URL {
  return new URL(path, ROOT)
}

/** The same as a path of the file system. */
export function checkoutPath (path: string): string {
  return fileURLToPath(checkoutUrl(path))
}
