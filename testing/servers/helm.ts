import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { builtOnce } from './go-build.ts'
import type { Progress } from './progress.ts'

const VERSION = 'v4.0.5'

/** The program helm: that of the variable HELM, or of the PATH, else built once from its Go module and kept. @throws MissingToolError */
export async function helmProgram (progress: Progress = () => {}): Promise<string> {
  const { HELM: given, PATH: path = '' } = process.env
  if (given !== undefined && given !== '') return given
  const installed = path.split(delimiter).map((folder) => join(folder, 'helm')).find((file) => existsSync(file))
  if (installed !== undefined) return installed
  const folder = await builtOnce(`helm-${VERSION}`, [
    { name: 'helm', ldflags: '-s -w', howLong: 'about 2 minutes on two cores', main: 'helm.sh/helm/v4/cmd/helm' }
  ], ['rendering the chart', 'HELM', 'helm'], progress)
  return join(folder, 'helm')
}
