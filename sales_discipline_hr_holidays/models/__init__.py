from . import discipline_absence, hr_leave
