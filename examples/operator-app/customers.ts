/** A customer of this product. A real one keeps a hash of the password. */
export type Customer = {
  id: string
  name: string
  email: string
  password: string
  shop: { id: string; name: string }
}

export const CUSTOMERS: readonly Customer[] = [
  {
    id: 'customer-1',
    name: 'Nora Vane',
    email: 'nora@lighthousetoys.example',
    password: 'northwind demo 2030',
    shop: { id: 'shop-1', name: 'Lighthouse Toys' },
  },
]
