import type { Express } from 'express'

export type Route = { method: string; path: string }

type Layer = { route?: { path: string; methods: Record<string, boolean> }; handle?: { stack?: Layer[] } }

/** Every route that the routers of an Express app know, in order and once. */
export function routesOf(app: Express): Route[] {
  const found = walk((app.router as unknown as { stack: Layer[] }).stack)
  return [...new Map(found.map(route => [`${route.method} ${route.path}`, route])).values()]
}

function walk(stack: readonly Layer[]): Route[] {
  return stack.flatMap(({ route, handle }) => {
    if (!route) return walk(handle?.stack ?? [])
    return Object.keys(route.methods).map(method => ({ method: method.toUpperCase(), path: route.path }))
  })
}
