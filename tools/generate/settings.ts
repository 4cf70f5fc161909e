// `npm run settings`: writes docs/settings.md from the schemas of the services.
import { writeFile } from 'node:fs/promises'
import { renderSettings } from './settings/render-settings.ts'

await writeFile(new URL('../../docs/settings.md', import.meta.url), renderSettings())
