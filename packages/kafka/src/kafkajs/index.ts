// The only file that imports kafkajs: what we change in it has to be in place before.
// These first: others load modules that hold on to what these replace.
import './patches/named-failures.ts'
import './patches/authorized-metadata.ts'
import './patches/request-queue.ts'
import './patches/produce-request.ts'
import './patches/request-header.ts'
import './patches/retry-defaults.ts'
import './patches/group-messages.ts'
import './patches/coordinator-cache.ts'
import './patches/coordinator-not-found.ts'
import './patches/offset-commit.ts'
import './patches/aborted-records.ts'
import './patches/fetched-records.ts'
import kafkajs from 'kafkajs'

export default kafkajs
