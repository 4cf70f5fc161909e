export { buildApp, type App, type AppParts } from './app.ts'
export { settings } from './config.ts'
