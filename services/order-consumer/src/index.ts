export { buildApp, type AppParts } from './app.ts'
export { loadConsumerConfig, settings } from './config.ts'
