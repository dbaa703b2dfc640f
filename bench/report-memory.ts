/**
 * Loaded into the measured server before its own code (`--expose-gc --import`): on any message from the process that
 * started it, it collects garbage and answers with `process.memoryUsage()`. It does nothing else.
 */
process.on('message', () => {
  globalThis.gc?.()
  process.send?.(process.memoryUsage())
})
process.channel?.unref()
