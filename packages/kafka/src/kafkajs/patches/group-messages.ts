import type { Message, PartitionerArgs, PartitionMetadata } from 'kafkajs'
import { replaceKafkajsModule } from '../module.ts'

export interface GroupOptions {
  topic: string
  partitionMetadata: PartitionMetadata[]
  messages: Message[]
  partitioner: (args: PartitionerArgs) => number
}

export type GroupMessages = (options: GroupOptions) => Record<number, Message[]>

/**
 * The messages of each partition, in order. kafkajs copies a partition's whole list for every message that it adds, so its time
 * grows with the square of the batch.
 */
export const groupMessages: GroupMessages = ({ topic, partitionMetadata, messages, partitioner }) => {
  const groups: Record<number, Message[]> = {}
  if (partitionMetadata.length === 0) return groups
  for (const message of messages) {
    const partition = partitioner({ topic, partitionMetadata, message })
    const group = groups[partition]
    if (group === undefined) groups[partition] = [message]
    else group.push(message)
  }
  return groups
}

replaceKafkajsModule<GroupMessages>('producer/groupMessagesPerPartition', 'patches/group-messages.ts', () => groupMessages)
