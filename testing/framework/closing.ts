/** Closes everything on the stack, the newest first. A failure goes to `onError`, and the rest is closed all the same. */
export async function closeAll (stack: AsyncDisposableStack, onError: (error: Error) => void = () => {}): Promise<void> {
  try {
    await stack.disposeAsync()
  } catch (error) {
    for (const each of errorsOf(error)) onError(each)
  }
}

/** A stack throws the last error, with those before nested in it. */
function errorsOf (error: unknown): Error[] {
  if (error instanceof SuppressedError) return [...errorsOf(error.suppressed), ...errorsOf(error.error)]
  return [error as Error]
}
