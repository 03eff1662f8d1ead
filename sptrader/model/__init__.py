"""The words of the product as plain data: instruments, bars, sessions, orders, the account, reasons, ports."""
