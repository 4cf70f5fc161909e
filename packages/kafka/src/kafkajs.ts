// The only file that imports kafkajs: what we change in it has to be in place before.
// These first: others load modules that hold on to what these replace.
import './named-failures-patch.ts'
import './authorized-metadata-patch.ts'
import './request-queue-patch.ts'
import './produce-request-patch.ts'
import './request-header-patch.ts'
import './retry-defaults-patch.ts'
import './group-messages-patch.ts'
import './coordinator-cache-patch.ts'
import './coordinator-not-found-patch.ts'
import './offset-commit-patch.ts'
import './aborted-records-patch.ts'
import './fetched-records-patch.ts'
import kafkajs from 'kafkajs'

export default kafkajs
