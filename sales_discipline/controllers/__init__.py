from . import crm_lead, workbook
