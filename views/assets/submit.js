// Sends the answer of an authorization request on its way. Without a script, the button does.
document.getElementById('answer').submit()
