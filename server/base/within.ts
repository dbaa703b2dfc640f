/** What `work` resolves to, or what `late` returns where that takes longer than so many milliseconds; `work` goes on. */
export async function within<Result, Late>(
  work: Promise<Result>,
  ms: number,
  late: () => Late,
): Promise<Result | Late> {
  let timer: NodeJS.Timeout | undefined
  const bound = new Promise<Late>(resolve => {
    timer = setTimeout(() => resolve(late()), ms)
  })
  try {
    return await Promise.race([work, bound])
  } finally {
    clearTimeout(timer)
  }
}
