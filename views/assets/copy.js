// A button that copies the text of a field and says so. Without a script, the field can be marked by hand.
for (const button of document.querySelectorAll('button[data-copies]')) {
  button.addEventListener('click', async () => {
    const field = document.getElementById(button.dataset.copies)
    field.select()
    try {
      await navigator.clipboard.writeText(field.value)
    } catch {
      document.execCommand('copy') // where the page is not https, the clipboard has no other way
    }
    button.lastChild.textContent = 'Copied'
    button.setAttribute('aria-live', 'polite')
  })
}
