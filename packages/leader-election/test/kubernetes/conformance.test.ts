import t from 'tap'
import { electorConformance } from '../conformance/elector-conformance.ts'
import { storeConformance } from '../conformance/store-conformance.ts'
import { LeaseObjects } from './lease-objects.ts'

const objects = await LeaseObjects.create(t)
storeConformance(t, () => objects.lease())
electorConformance(t, () => objects.lease())
