// `npm run bench:render`: writes the recorded results into docs/performance.md.
import { renderDocument } from './render-document.ts'

await renderDocument()
