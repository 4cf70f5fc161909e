// `npm run openapi`: writes services/order-api/openapi.json from the schemas of the routes. Needs no server.
import { writeFile } from 'node:fs/promises'
import { renderOpenApi } from './openapi/render-openapi.ts'

await writeFile(new URL('../services/order-api/openapi.json', import.meta.url), await renderOpenApi())
