/**
 * Loaded into the measured server before its own code (`--expose-gc --import`): on any message from its parent process
 * it collects garbage and responds with `process.memoryUsage()`. It does nothing else.
 */
process.on('message', () => {
  globalThis.gc?.()
  process.send?.(process.memoryUsage())
})
process.channel?.unref()
