import t from 'tap'
import { electorConformance } from '../conformance/elector-conformance.ts'
import { storeConformance } from '../conformance/store-conformance.ts'
import { LeaseTable } from './lease-table.ts'

const table = await LeaseTable.create(t)
storeConformance(t, () => table.lease())
electorConformance(t, () => table.lease())
