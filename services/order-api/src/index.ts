export { buildApp, type App, type AppParts } from './app.ts'
export { loadOrderApiConfig, settings } from './config.ts'
