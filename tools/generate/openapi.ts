// `npm run openapi`: writes services/*/openapi.json from the schemas of the routes. Needs no server.
import { writeFile } from 'node:fs/promises'
import { DOCUMENTED, openApiFile, renderOpenApi } from './openapi/render-openapi.ts'

for (const service of DOCUMENTED) await writeFile(openApiFile(service), await renderOpenApi(service))
