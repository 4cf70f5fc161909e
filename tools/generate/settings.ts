// `npm run settings`: writes docs/settings.md from the schemas of the services.
import { writeFile } from 'node:fs/promises'
import { checkoutUrl } from '@orders/testing/framework/checkout'
import { renderSettings } from './settings/render-settings.ts'

await writeFile(checkoutUrl('docs/settings.md'), renderSettings())
