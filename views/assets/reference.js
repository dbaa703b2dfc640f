SwaggerUIBundle({ url: document.getElementById('reference').dataset.document, dom_id: '#reference', deepLinking: true, supportedSubmitMethods: [], defaultModelsExpandDepth: 0 })
