from . import account_move, discipline_revenue, sale_order
