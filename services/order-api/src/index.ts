export { buildApp, type AppParts } from './app.ts'
export { loadOrderApiConfig, settings } from './config.ts'
