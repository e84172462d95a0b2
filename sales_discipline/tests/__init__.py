from . import test_customer_base
